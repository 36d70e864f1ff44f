// @ts-nocheck: python -m tests.support.vendor_scripts writes this file
/*
@preact/signals 2.11.4: MIT

LICENSE

The MIT License (MIT)

Copyright (c) 2022-present Preact Team

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.

@preact/signals-core 1.14.5: MIT

LICENSE

The MIT License (MIT)

Copyright (c) 2022-present Preact Team

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.

htm 3.1.1: Apache-2.0

LICENSE

Apache License
                           Version 2.0, January 2004
                        http://www.apache.org/licenses/

   TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION

   1. Definitions.

      "License" shall mean the terms and conditions for use, reproduction,
      and distribution as defined by Sections 1 through 9 of this document.

      "Licensor" shall mean the copyright owner or entity authorized by
      the copyright owner that is granting the License.

      "Legal Entity" shall mean the union of the acting entity and all
      other entities that control, are controlled by, or are under common
      control with that entity. For the purposes of this definition,
      "control" means (i) the power, direct or indirect, to cause the
      direction or management of such entity, whether by contract or
      otherwise, or (ii) ownership of fifty percent (50%) or more of the
      outstanding shares, or (iii) beneficial ownership of such entity.

      "You" (or "Your") shall mean an individual or Legal Entity
      exercising permissions granted by this License.

      "Source" form shall mean the preferred form for making modifications,
      including but not limited to software source code, documentation
      source, and configuration files.

      "Object" form shall mean any form resulting from mechanical
      transformation or translation of a Source form, including but
      not limited to compiled object code, generated documentation,
      and conversions to other media types.

      "Work" shall mean the work of authorship, whether in Source or
      Object form, made available under the License, as indicated by a
      copyright notice that is included in or attached to the work
      (an example is provided in the Appendix below).

      "Derivative Works" shall mean any work, whether in Source or Object
      form, that is based on (or derived from) the Work and for which the
      editorial revisions, annotations, elaborations, or other modifications
      represent, as a whole, an original work of authorship. For the purposes
      of this License, Derivative Works shall not include works that remain
      separable from, or merely link (or bind by name) to the interfaces of,
      the Work and Derivative Works thereof.

      "Contribution" shall mean any work of authorship, including
      the original version of the Work and any modifications or additions
      to that Work or Derivative Works thereof, that is intentionally
      submitted to Licensor for inclusion in the Work by the copyright owner
      or by an individual or Legal Entity authorized to submit on behalf of
      the copyright owner. For the purposes of this definition, "submitted"
      means any form of electronic, verbal, or written communication sent
      to the Licensor or its representatives, including but not limited to
      communication on electronic mailing lists, source code control systems,
      and issue tracking systems that are managed by, or on behalf of, the
      Licensor for the purpose of discussing and improving the Work, but
      excluding communication that is conspicuously marked or otherwise
      designated in writing by the copyright owner as "Not a Contribution."

      "Contributor" shall mean Licensor and any individual or Legal Entity
      on behalf of whom a Contribution has been received by Licensor and
      subsequently incorporated within the Work.

   2. Grant of Copyright License. Subject to the terms and conditions of
      this License, each Contributor hereby grants to You a perpetual,
      worldwide, non-exclusive, no-charge, royalty-free, irrevocable
      copyright license to reproduce, prepare Derivative Works of,
      publicly display, publicly perform, sublicense, and distribute the
      Work and such Derivative Works in Source or Object form.

   3. Grant of Patent License. Subject to the terms and conditions of
      this License, each Contributor hereby grants to You a perpetual,
      worldwide, non-exclusive, no-charge, royalty-free, irrevocable
      (except as stated in this section) patent license to make, have made,
      use, offer to sell, sell, import, and otherwise transfer the Work,
      where such license applies only to those patent claims licensable
      by such Contributor that are necessarily infringed by their
      Contribution(s) alone or by combination of their Contribution(s)
      with the Work to which such Contribution(s) was submitted. If You
      institute patent litigation against any entity (including a
      cross-claim or counterclaim in a lawsuit) alleging that the Work
      or a Contribution incorporated within the Work constitutes direct
      or contributory patent infringement, then any patent licenses
      granted to You under this License for that Work shall terminate
      as of the date such litigation is filed.

   4. Redistribution. You may reproduce and distribute copies of the
      Work or Derivative Works thereof in any medium, with or without
      modifications, and in Source or Object form, provided that You
      meet the following conditions:

      (a) You must give any other recipients of the Work or
          Derivative Works a copy of this License; and

      (b) You must cause any modified files to carry prominent notices
          stating that You changed the files; and

      (c) You must retain, in the Source form of any Derivative Works
          that You distribute, all copyright, patent, trademark, and
          attribution notices from the Source form of the Work,
          excluding those notices that do not pertain to any part of
          the Derivative Works; and

      (d) If the Work includes a "NOTICE" text file as part of its
          distribution, then any Derivative Works that You distribute must
          include a readable copy of the attribution notices contained
          within such NOTICE file, excluding those notices that do not
          pertain to any part of the Derivative Works, in at least one
          of the following places: within a NOTICE text file distributed
          as part of the Derivative Works; within the Source form or
          documentation, if provided along with the Derivative Works; or,
          within a display generated by the Derivative Works, if and
          wherever such third-party notices normally appear. The contents
          of the NOTICE file are for informational purposes only and
          do not modify the License. You may add Your own attribution
          notices within Derivative Works that You distribute, alongside
          or as an addendum to the NOTICE text from the Work, provided
          that such additional attribution notices cannot be construed
          as modifying the License.

      You may add Your own copyright statement to Your modifications and
      may provide additional or different license terms and conditions
      for use, reproduction, or distribution of Your modifications, or
      for any such Derivative Works as a whole, provided Your use,
      reproduction, and distribution of the Work otherwise complies with
      the conditions stated in this License.

   5. Submission of Contributions. Unless You explicitly state otherwise,
      any Contribution intentionally submitted for inclusion in the Work
      by You to the Licensor shall be under the terms and conditions of
      this License, without any additional terms or conditions.
      Notwithstanding the above, nothing herein shall supersede or modify
      the terms of any separate license agreement you may have executed
      with Licensor regarding such Contributions.

   6. Trademarks. This License does not grant permission to use the trade
      names, trademarks, service marks, or product names of the Licensor,
      except as required for reasonable and customary use in describing the
      origin of the Work and reproducing the content of the NOTICE file.

   7. Disclaimer of Warranty. Unless required by applicable law or
      agreed to in writing, Licensor provides the Work (and each
      Contributor provides its Contributions) on an "AS IS" BASIS,
      WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or
      implied, including, without limitation, any warranties or conditions
      of TITLE, NON-INFRINGEMENT, MERCHANTABILITY, or FITNESS FOR A
      PARTICULAR PURPOSE. You are solely responsible for determining the
      appropriateness of using or redistributing the Work and assume any
      risks associated with Your exercise of permissions under this License.

   8. Limitation of Liability. In no event and under no legal theory,
      whether in tort (including negligence), contract, or otherwise,
      unless required by applicable law (such as deliberate and grossly
      negligent acts) or agreed to in writing, shall any Contributor be
      liable to You for damages, including any direct, indirect, special,
      incidental, or consequential damages of any character arising as a
      result of this License or out of the use or inability to use the
      Work (including but not limited to damages for loss of goodwill,
      work stoppage, computer failure or malfunction, or any and all
      other commercial damages or losses), even if such Contributor
      has been advised of the possibility of such damages.

   9. Accepting Warranty or Additional Liability. While redistributing
      the Work or Derivative Works thereof, You may choose to offer,
      and charge a fee for, acceptance of support, warranty, indemnity,
      or other liability obligations and/or rights consistent with this
      License. However, in accepting such obligations, You may act only
      on Your own behalf and on Your sole responsibility, not on behalf
      of any other Contributor, and only if You agree to indemnify,
      defend, and hold each Contributor harmless for any liability
      incurred by, or claims asserted against, such Contributor by reason
      of your accepting any such warranty or additional liability.

   END OF TERMS AND CONDITIONS

   APPENDIX: How to apply the Apache License to your work.

      To apply the Apache License to your work, attach the following
      boilerplate notice, with the fields enclosed by brackets "[]"
      replaced with your own identifying information. (Don't include
      the brackets!)  The text should be enclosed in the appropriate
      comment syntax for the file format. We also recommend that a
      file or class name and description of purpose be included on the
      same "printed page" as the copyright notice for easier
      identification within third-party archives.

   Copyright 2018 Google Inc.

   Licensed under the Apache License, Version 2.0 (the "License");
   you may not use this file except in compliance with the License.
   You may obtain a copy of the License at

       http://www.apache.org/licenses/LICENSE-2.0

   Unless required by applicable law or agreed to in writing, software
   distributed under the License is distributed on an "AS IS" BASIS,
   WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
   See the License for the specific language governing permissions and
   limitations under the License.

preact 11.2.0: MIT

LICENSE

The MIT License (MIT)

Copyright (c) 2015-present Jason Miller

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
*/
var je=function(t,e,n,i){var r;e[0]=0;for(var _=1;_<e.length;_++){var o=e[_++],f=e[_]?(e[0]|=o?1:2,n[e[_++]]):e[++_];o===3?i[0]=f:o===4?i[1]=Object.assign(i[1]||{},f):o===5?(i[1]=i[1]||{})[e[++_]]=f:o===6?i[1][e[++_]]+=f+"":o?(r=t.apply(f,je(t,f,n,["",null])),i.push(r),f[0]?e[0]|=2:(e[_-2]=0,e[_]=r)):i.push(f)}return i},Oe=new Map;function He(t){var e=Oe.get(this);return e||(e=new Map,Oe.set(this,e)),(e=je(this,e.get(t)||(e.set(t,e=(function(n){for(var i,r,_=1,o="",f="",c=[0],a=function(l){_===1&&(l||(o=o.replace(/^\s*\n\s*|\s*\n\s*$/g,"")))?c.push(0,l,o):_===3&&(l||o)?(c.push(3,l,o),_=2):_===2&&o==="..."&&l?c.push(4,l,0):_===2&&o&&!l?c.push(5,0,!0,o):_>=5&&((o||!l&&_===5)&&(c.push(_,0,o,r),_=6),l&&(c.push(_,l,0,r),_=6)),o=""},s=0;s<n.length;s++){s&&(_===1&&a(),a(s));for(var y=0;y<n[s].length;y++)i=n[s][y],_===1?i==="<"?(a(),c=[c],_=3):o+=i:_===4?o==="--"&&i===">"?(_=1,o=""):o=i+o[0]:f?i===f?f="":o+=i:i==='"'||i==="'"?f=i:i===">"?(a(),_=1):_&&(i==="="?(_=5,r=o,o=""):i==="/"&&(_<5||n[s][y+1]===">")?(a(),_===3&&(c=c[0]),_=c,(c=c[0]).push(2,0,_),_=0):i===" "||i==="	"||i===`
`||i==="\r"?(a(),_=2):o+=i),_===3&&o==="!--"&&(_=4,c=c[0])}return a(),c})(t)),e),arguments,[])).length>1?e:e[0]}var v,Re,ye,U,ve,ne,We,ee,qe,me,de,dt,I=Symbol.for("pv"),ie={},_e=[],yt=/^m(i|n|o|s|text|space)$/,ge=Array.isArray,be=_e.slice,H=Object.assign;function j(t){t&&t.parentNode&&t.remove()}function oe(t,e,n){var i,r,_,o={},f=arguments.length;for(_ in e)_=="key"?i=e[_]:_=="ref"&&typeof t!="function"?r=e[_]:o[_]=e[_];return f>2&&(o.children=f>3?be.call(arguments,2):n),V(t,o,i,r,null)}function V(t,e,n,i,r){var _={type:t,props:e,key:n,ref:i,__k:null,__:null,__b:0,__e:null,__c:null,constructor:I,__v:r||++Re,__i:-1,__u:0};return!r&&v.vnode&&v.vnode(_),_}function D(t){return t.children}function R(t,e){this.props=t,this.context=e,this.__g=0}function E(t,e){if(e==null)return t.__&&E(t.__,t.__i+1);for(var n;e<t.__k.length;e++)if((n=t.__k[e])&&n.__e)return n.__e;return typeof t.type!="function"||t.props.__P?null:E(t)}function mt(t){var e,n=t.__v,i=n.__e,r=[],_=[],o=t.__P;o&&((e=H({constructor:I},n)).__v=n.__v+1,v.vnode&&v.vnode(e),ke(o,e,n,t.__n,o.namespaceURI,32&n.__u?[i]:null,r,i||E(n),32&n.__u,_),e.__v=n.__v,e.__.__k[e.__i]=e,Ge(r,e,_),n.__=n.__e=null,e.__e!=i&&Le(e))}function Le(t){if((t=t.__)&&t.__c&&!t.props.__P)return t.__e=null,t.__k.some(function(e){return e&&(t.__e=e.__e)}),Le(t)}function De(t){(8&t.__g||(t.__g|=8,U.push(t),ne++))&&ve==v.debounceRendering||((ve=v.debounceRendering)||queueMicrotask)(Ve)}function Ve(){try{for(var t,e=1;U.length;)U.length>e&&U.sort(We),t=U.shift(),e=U.length,8&t.__g&&mt(t)}finally{(ne=U.length)&&(ve||queueMicrotask)(Ve)}}function Ie(t,e,n,i,r,_,o,f,c,a,s){var y,l,u,p,S,d,g=i.__k||_e,h=e.length;for(c=gt(n,e,g,c,h),y=0;y<h;y++)(u=n.__k[y])!=null&&(l=~u.__i&&g[u.__i]||ie,u.__i=y,d=ke(t,u,l,r,_,o,f,c,a,s),p=u.__e,(l.ref!=u.ref||8&l.__u)&&(l.ref&&we(l.ref,null,u,l),u.ref&&s.push(u.ref,u.__c||p,u)),S=S||p,4&u.__u?(c=Be(u,c,t,!l.__v),l.__e&&(l.__e=null)):typeof u.type=="function"&&d!==void 0?c=d:p&&(c=p.nextSibling),u.__u&=-21);return n.__e=S,c}function gt(t,e,n,i,r){var _,o,f,c,a,s,y,l,u,p=n.length,S=p,d=0,g=0,h=t.__k=Array(r);for(_=0;_<r;_++)(o=e[_])!=null&&typeof o!="boolean"&&typeof o!="function"?(typeof o!="object"||o.constructor===String?o=h[_]=V(null,o):ge(o)?o=h[_]=V(D,{children:o}):o.constructor===I&&o.__b?o=h[_]=V(o.type,o.props,o.key,o.ref,o.__v):h[_]=o,c=_+d,o.__=t,o.__b=t.__b+1,f=null,~(a=o.__i=bt(o,n,c,S))&&(S--,(f=n[a])&&(f.__u|=2)),f&&f.__v?(o.__u|=16,a==c-1?d--:a==c+1?d++:a!=c&&(a>c?d--:d++,g=1)):(~a||(r>p?d--:r<p&&d++),typeof o.type!="function"&&(o.__u|=4))):h[_]=null;if(g){for(s=[],y=[],_=0;_<r;_++)if((o=h[_])&&16&o.__u){for(d=0,l=s.length;d<l;)s[u=d+l>>1]<o.__i?d=u+1:l=u;s[d]=o.__i,y[_]=d+1}for(d=s.length;_--;)y[_]&&(y[_]==d?d--:h[_].__u|=4)}if(S)for(_=0;_<p;_++)!(f=n[_])||2&f.__u||(f.__e==i&&(i=E(f)),Se(f,f));return i}function Be(t,e,n,i){var r,_,o,f;if(typeof t.type=="function"){if(t.props.__P)return e;if(r=t.__k)for(_=0;_<r.length;_++)r[_]&&(r[_].__=t,e=Be(r[_],e,n,!1));return e}for(e&&!e.parentNode&&(e=E(t))&&!e.parentNode&&(e=null),o=t.__e,f=e;f&&f.nodeType==8;)f=f.nextSibling;for(o!=f&&(!i&&n.moveBefore&&o.parentNode?n.moveBefore(o,e):n.insertBefore(o,e||null)),e=o;(e=e&&e.nextSibling)&&e.nodeType==8&&!e.data.startsWith("$s"););return e}function bt(t,e,n,i){var r,_=t.key,o=t.type,f=e[n],c=f&&!(2&f.__u);if(f===null&&_==null||c&&_==f.key&&o==f.type)return n;if(i>(c?1:0)){for(r=n-1;r>=0;r--)if((f=e[r])&&!(2&f.__u)&&_==f.key&&o==f.type)return r;for(r=n+1;r<e.length;r++)if((f=e[r])&&!(2&f.__u)&&_==f.key&&o==f.type)return r}return-1}function Fe(t,e,n){n==null&&(n=""),e[0]=="-"?t.setProperty(e,n):t[e]=n}function Y(t,e,n,i,r){var _,o;if(e=="style")if(typeof n=="string")t.style.cssText=n;else{if(typeof i=="string"&&(t.style.cssText=i=""),i)for(e in i)n&&e in n||Fe(t.style,e);if(n)for(e in n)i&&n[e]==i[e]||Fe(t.style,e,n[e])}else if(e[0]=="o"&&e[1]=="n")typeof n!="function"&&(n=null),typeof i!="function"&&(i=null),(t.__e||(t.__e={}))[e]=n,n&&i||(o=de[e]||(de[e]=kt(e)),(t.__a||(t.__a={}))[e]=me,_=e!=(e=e.replace(qe,"$1")),(e=e.slice(2))[0]<"a"&&(e=e.toLowerCase()),n?t.addEventListener(e,o,_):t.removeEventListener(e,o,_));else{if(r=="http://www.w3.org/2000/svg")e=e.replace(/xlink(H|:h)/,"h").replace(/sName$/,"s");else if(e!="width"&&e!="height"&&e!="href"&&e!="list"&&e!="form"&&e!="tabIndex"&&e!="download"&&e!="rowSpan"&&e!="colSpan"&&e!="role"&&e!="popover"&&e in t)try{return void(t[e]=n??"")}catch{}if(typeof n=="function")return;n==null||n===!1&&e[4]!="-"?t.removeAttribute(e):t.setAttribute(e,e=="popover"&&n==1?"":n)}}function kt(t){return function(e){var n=this.__e;if(n){if(n=n[t],e[ee]==null)e[ee]=me++;else if(e[ee]<this.__a[t])return;return n(v.event?v.event(e):e)}}}function ke(t,e,n,i,r,_,o,f,c,a){var s,y,l,u,p,S,d,g,h,x,b,he,Me,X,A,Ae,$,O,T=e.type;if(e.constructor!==I)return null;128&n.__u&&(c=32&n.__u,s=n.__c.__z)&&(e.__u|=c,y=_=[],s.nodeType==8?f=te(s,_):_.push(s),f=_[0]||f),(s=v.__b)&&s(e);e:if(typeof T=="function"){l=o.length;try{if(g=e.props,h=(s=T.prototype)&&s.render,x=(s=T.contextType)&&i[s.__c],b=s?x?x.props.value:s.__:i,(u=n.__c)?(e.__c=u,2&u.__g&&(u.__g|=1)):(h?e.__c=u=new T(g,b):(e.__c=u=new R(g,b),u.constructor=T,u.render=St),x&&x.sub(u),u.state||(u.state={}),u.__n=i,u.__g|=8,u.__h=[],u.__k=[]),h&&(u.__s||(u.__s=u.state),T.getDerivedStateFromProps&&(u.__s==u.state&&(u.__s=H({},u.__s)),H(u.__s,T.getDerivedStateFromProps(g,u.__s)))),p=u.props,S=u.state,u.__v=e,n.__c){if(g!==p&&h&&!T.getDerivedStateFromProps&&u.componentWillReceiveProps&&u.componentWillReceiveProps(g,b),e.__v==n.__v&&!(8&u.__g)||!(4&u.__g)&&u.shouldComponentUpdate&&u.shouldComponentUpdate(g,u.__s,b)===!1){e.__v!=n.__v&&(u.props=g,u.state=u.__s,u.__g&=-9),e.__e=n.__e,e.__k=n.__k,e.__k.some(function(P){P&&(P.__=e)}),_e.push.apply(u.__h,u.__k),u.__k=[],u.__h.length&&o.push(u),f=E(n);break e}u.componentWillUpdate&&u.componentWillUpdate(g,u.__s,b),h&&u.componentDidUpdate&&u.__h.push(function(){u.componentDidUpdate(p,S,d)})}else h&&!T.getDerivedStateFromProps&&u.componentWillMount&&u.componentWillMount(),h&&u.componentDidMount&&u.__h.push(u.componentDidMount);u.context=b,u.props=g,u.__P=t,u.__g&=-5,he=v.__r,Me=h?25:0;do u.__g&=-9,he&&he(e),s=u.render(u.props,u.state=u.__s,u.context);while(8&u.__g&&++Me<25);h&&(_e.push.apply(u.__h,u.__k),u.__k=[]),u.state=u.__s,u.getChildContext&&(i=H({},i,u.getChildContext())),h&&n.__c&&u.getSnapshotBeforeUpdate&&(d=u.getSnapshotBeforeUpdate(p,S)),X=s&&s.type===D&&s.key==null?s.props.children:s,g.__P&&(s=f,r=(t=g.__P).namespaceURI,c=_=null,n.props&&n.props.__P!=t&&(n.__k.some(function(P){P&&Se(P,P)}),n.__k=null),f=n.__k?E(n,0):null),f=Ie(t,ge(X)?X:[X],e,n,i,r,_,o,f,c,a),g.__P&&(e.__e=null,f=s),e.__u&=-161,y&&y.some(j),u.__h.length&&o.push(u),1&u.__g&&(u.__g&=-4)}catch(P){if(o.length=l,e.__v=null,c||_)if(P&&P.then){if(e.__u|=128|c,_){for(~($=_.indexOf(f||void 0))||($=_.length);(O=_[$-1])&&O.nodeType==8;)$--;for(;$<_.length;$++)if(O=_[$])if(_[$]=null,A){if(O==Ae)break}else{if(O.nodeType!=8)break;O.data.startsWith("$s")&&(Ae=te(A=O))}}if(!A){for(;f&&f.nodeType==8&&f.nextSibling;)f=f.nextSibling;A=f}(s=te(A=e.__c.__z||(e.__c.__z=A)))?(e.__e=A,f=s):e.__e=f,f=f&&f.nextSibling}else _&&_.some(j);else e.__e=n.__e;e.__k||(e.__k=n.__k||[]),P&&P.then||ze(e),v.__e(P,e,n)}}else f=e.__e=wt(n.__e,e,n,i,r,_,o,c,a,t);return(s=v.diffed)&&s(e),f}function te(t,e){if(t&&t.nodeType==8&&t.data.startsWith("$s"))for(var n=1;t=t.nextSibling;){if(t.nodeType==8){if(t.data.startsWith("$s"))n++;else if(t.data.startsWith("/$s")&&!--n)return t}e&&e.push(t)}}function ze(t){t&&(t.__c&&(t.__c.__g|=4),t.__k&&t.__k.some(ze))}function Ge(t,e,n){for(var i=0;i<n.length;)we(n[i++],n[i++],n[i++]);v.__c&&v.__c(e,t),t.some(function(r){try{t=r.__h,r.__h=[],t.some(function(_){_.call(r)})}catch(_){v.__e(_,r.__v)}})}function wt(t,e,n,i,r,_,o,f,c,a){var s,y,l,u,p,S,d,g,h=n.props||ie,x=e.props,b=e.type;if(b=="svg"?r="http://www.w3.org/2000/svg":b=="math"?r="http://www.w3.org/1998/Math/MathML":r||(r="http://www.w3.org/1999/xhtml"),_){for(s=0;s<_.length;s++)if((p=_[s])&&(b?p.localName==b:p.nodeType==3)){t=p,_[s]=null;break}}if(!t){if(g=a.ownerDocument||document,!b)return g.createTextNode(x);t=g.createElementNS(r,b,x.is?x:a),f&&(v.__m&&v.__m(e,_),f=!1),_=null}if(b){if(a=b=="template"&&t.content||t,_=b=="textarea"&&x.defaultValue!=null?null:_&&be.call(a.childNodes),!f&&_)for(h={},s=0;s<t.attributes.length;s++)h[(p=t.attributes[s]).name]=p.value;for(s in h)p=h[s],s=="dangerouslySetInnerHTML"?l=p:s=="children"||s in x||s=="value"&&"defaultValue"in x||s=="checked"&&"defaultChecked"in x||Y(t,s,null,p,r);for(s in x)p=x[s],s=="children"?u=p:s=="dangerouslySetInnerHTML"?y=p:s=="value"?S=p:s=="checked"?d=p:f&&typeof p!="function"||h[s]===p||Y(t,s,p,h[s],r);y?(f||l&&(y.__html==l.__html||y.__html==t.innerHTML)||(t.innerHTML=y.__html),e.__k=[]):(l&&(t.textContent=""),(b=="foreignObject"||r=="http://www.w3.org/1998/Math/MathML"&&yt.test(b))&&(r="http://www.w3.org/1999/xhtml"),Ie(a,ge(u)?u:[u],e,n,i,r,_,o,_?_[0]:n.__k&&E(n,0),f,c),_&&_.some(j)),f&&b!="textarea"||(s="value",b=="progress"&&S==null?t.removeAttribute(s):S==null||S===t[s]&&(b!="progress"||S)||Y(t,s,S,h[s],r),s="checked",d!=null&&d!=t[s]&&Y(t,s,d,h[s],r))}else h===x||f&&t.data==x||(t.data=x);return t}function we(t,e,n,i){try{typeof t=="function"?e?e.__x=t(e)||1:i&&(i=i.__c||i.__e)&&(e=i.__x)&&(i.__x=null,typeof e=="function"?e():t(null)):t.current=e}catch(r){v.__e(r,n)}}function Se(t,e,n){var i,r,_,o;if(v.unmount&&v.unmount(t),!(i=t.ref)||i.current&&i.current!=t.__e||we(i,null,e,t),i=t.__c){if(i.componentWillUnmount)try{i.componentWillUnmount()}catch(f){v.__e(f,e)}i.__P=i.__n=null}if(i=t.__k)for(o=0;o<i.length;o++)i[o]&&Se(i[o],e,typeof t.type!="function"||n&&!t.props.__P);!n&&(i=t.__c)&&(i=i.__z)&&(r=te(i,_=[]))&&(i==t.__e&&_.some(j),j(r),j(i)),n||j(t.__e),t.__e=t.__c=t.__=null}function St(t,e,n){return this.constructor(t,n)}function xt(t,e){var n,i,r,_;v.__&&v.__(t,e),e.nodeType==9&&(e=e.documentElement),i=(n=t&&32&t.__u)?null:e.__k,e.__k=V(D,{children:[t]}),r=[],_=[],ke(e,e.__k,i||ie,ie,e.namespaceURI,i?null:e.firstChild?be.call(e.childNodes):null,r,i?i.__e:e.firstChild,n,_),Ge(r,e.__k,_),e.__k.props.children=null}v={__e:function(t,e,n,i){for(var r,_,o;e=e.__;)if((r=e.__c)&&!(1&r.__g)){r.__g|=4;try{if((o=(_=r.constructor)&&_.getDerivedStateFromError)&&r.setState(_.getDerivedStateFromError(t)),r.componentDidCatch&&(r.componentDidCatch(t,i||{}),o=1),o&&8&r.__g)return void(r.__g|=2)}catch(f){t=f}}throw ne=0,t}},Re=0,ye=function(t){return t!=null&&t.constructor===I},R.prototype.setState=function(t,e){var n=this.__s;n&&n!=this.state||(n=this.__s=H({},this.state)),typeof t=="function"&&(t=t(H({},n),this.props)),t&&(H(n,t),this.__v&&(e&&this.__k.push(e),De(this)))},R.prototype.forceUpdate=function(t){this.__v&&(this.__g|=4,t&&this.__h.push(t),De(this))},R.prototype.render=D,U=[],ne=0,We=function(t,e){return t.__v.__b-e.__v.__b},ee=Symbol(),qe=/(PointerCapture)$|Capture$/i,me=0,de={},dt=0;var z,C,xe,Je,Ct=Object.is,Ce=0,it=[],Pe=[],k=v,Ze=k.__b,Ke=k.__r,Qe=k.diffed,Xe=k.__c,Ye=k.unmount,et=k.__;function Ne(t,e){k.__h&&k.__h(C,t,Ce||e),Ce=0;var n=C.__H||(C.__H={__:[],__h:[]});return t>=n.__.length&&n.__.push({}),n.__[t]}function _t(t,e){var n=Ne(z++,3);!k.__s&&$e(n.__H,e)&&(n.__P=!0,n.__=t,n.u=e,C.__H.__h.push(n))}function Pt(t,e){var n=Ne(z++,4);!k.__s&&$e(n.__H,e)&&(n.__P=!1,n.__=t,n.u=e,C.__h.push(n))}function ot(t){return Ce=5,re(function(){return{current:t}},[])}function re(t,e){var n=Ne(z++,7);return $e(n.__H,e)&&(n.__=t(),n.__H=e),n.__}function Tt(){var t;do{for(;t=Pe.shift();)try{B(t)}catch(n){k.__e(n,{__:(t=t.__P)&&t.__v})}for(;t=it.shift();){var e=t.__H;if(t.__P&&e)try{e.__h.some(B),e.__h.some(Te),e.__h=[]}catch(n){e.__h=[],k.__e(n,t.__v)}}}while(Pe.length)}k.__b=function(t){C=null,Ze&&Ze(t)},k.__=function(t,e){t&&e.__k&&e.__k.__m&&(t.__m=e.__k.__m),et&&et(t,e)},k.__r=function(t){Ke&&Ke(t),z=0;var e=(C=t.__c).__H;e&&(xe==C?C.__h=[]:(e.__h.some(B),e.__h.some(Te),z=0),e.__h=[],e.__.some(function(n){n.__N&&(n.__=n.__N),n.u=n.__N=void 0})),xe=C},k.diffed=function(t){Qe&&Qe(t);var e=t.__c;e&&e.__H&&(e.__H.__h.length&&nt(it.push(e)),e.__H.__.some(function(n){n.u&&(n.__H=n.u)})),xe=C=null},k.__c=function(t,e){e.some(function(n){try{n.__h.some(B),n.__h=n.__h.filter(function(i){return!i.__||Te(i)})}catch(i){n.__h=[function(){throw i}]}}),Xe&&Xe(t,e)},k.unmount=function(t){Ye&&Ye(t);var e,n,i=t.__c;i&&i.__H&&(i.__H.__.some(function(r){try{if(r.__P&&r.__c){if(n===void 0){for(n=t.__;n&&(!n.__c||!n.__c.__P);)n=n.__;n=n&&n.__c}r.__P=n,nt(Pe.push(r))}else B(r)}catch(_){e=_}}),i.__H=void 0,e&&k.__e(e,i.__v))};var tt=typeof requestAnimationFrame=="function";function Nt(t){var e,n=function(){clearTimeout(i),tt&&cancelAnimationFrame(e),setTimeout(t)},i=setTimeout(n,35);tt&&(e=requestAnimationFrame(n))}function nt(t){t!=1&&Je==k.requestAnimationFrame||((Je=k.requestAnimationFrame)||Nt)(Tt)}function B(t){var e=C,n=t.__c;typeof n=="function"&&(t.__c=void 0,n()),C=e}function Te(t){var e=C;t.__c=t.__(),C=e}function $e(t,e){return!t||t.length!=e.length||e.some(function(n,i){return!Ct(n,t[i])})}var $t=Symbol.for("preact-signals");function ce(){if(N>1)N--;else{var t,e=!1;for((function(){var r=fe;for(fe=void 0;r!==void 0;){var _=r.S;if(_.v===r.v)for(var o=_.t;o!==void 0;o=o.x)o.i===r.i&&(o.i=_.i);r=r.o}})();J!==void 0;){var n=J;for(J=void 0,ue++;n!==void 0;){var i=n.u;if(n.u=void 0,n.f&=-3,!(8&n.f)&&ut(n))try{n.c()}catch(r){e||(t=r,e=!0)}n=i}}if(ue=0,N--,e)throw t}}function ae(t){if(N>0)return t();Ue=++Ut,N++;try{return t()}finally{ce()}}var G,m=void 0;function W(t){var e=m,n=G;m=void 0,G=void 0;try{return t()}finally{m=e,G=n}}var J=void 0,N=0,ue=0,Ut=0,Ue=0,fe=void 0,se=0;function rt(t){if(m!==void 0){var e=t.n;if(e===void 0||e.t!==m)return e={i:0,S:t,p:m.s,n:void 0,t:m,e:void 0,x:void 0,r:e},m.s!==void 0&&(m.s.n=e),m.s=e,t.n=e,32&m.f&&t.S(e),e;if(e.i===-1)return e.i=0,e.n!==void 0&&(e.n.p=e.p,e.p!==void 0&&(e.p.n=e.n),e.p=m.s,e.n=void 0,m.s.n=e,m.s=e),e}}function w(t,e){this.v=t,this.i=0,this.n=void 0,this.t=void 0,this.l=0,this.W=e?.watched,this.Z=e?.unwatched,this.name=e?.name}w.prototype.brand=$t;w.prototype.h=function(){return!0};w.prototype.S=function(t){var e=this,n=this.t;n!==t&&t.e===void 0&&(t.x=n,this.t=t,n!==void 0?n.e=t:W(function(){var i;(i=e.W)==null||i.call(e)}))};w.prototype.U=function(t){var e=this;if(this.t!==void 0){var n=t.e,i=t.x;n!==void 0&&(n.x=i,t.e=void 0),i!==void 0&&(i.e=n,t.x=void 0),t===this.t&&(this.t=i,i===void 0&&W(function(){var r;(r=e.Z)==null||r.call(e)}))}};w.prototype.subscribe=function(t){var e=this;return M(function(){var n=e.value;W(function(){return t(n)})},{name:"sub"})};w.prototype.valueOf=function(){return this.value};w.prototype.toString=function(){return this.value+""};w.prototype.toJSON=function(){return this.value};w.prototype.peek=function(){var t=this;return W(function(){return t.value})};Object.defineProperty(w.prototype,"value",{get:function(){var t=rt(this);return t!==void 0&&(t.i=this.i),this.v},set:function(t){if(t!==this.v){if(ue>100)throw new Error("Cycle detected");(function(n){N!==0&&ue===0&&n.l!==Ue&&(n.l=Ue,fe={S:n,v:n.v,i:n.i,o:fe})})(this),this.v=t,this.i++,se++,N++;try{for(var e=this.t;e!==void 0;e=e.x)e.t.N()}finally{ce()}}}});function Z(t,e){return new w(t,e)}function ut(t){for(var e=t.s;e!==void 0;e=e.n)if(e.S.i!==e.i||!e.S.h()||e.S.i!==e.i)return!0;return!1}function ft(t){for(var e=t.s;e!==void 0;e=e.n){var n=e.S.n;if(n!==void 0&&(e.r=n),e.S.n=e,e.i=-1,e.n===void 0){t.s=e;break}}}function st(t){for(var e=t.s,n=void 0;e!==void 0;){var i=e.p;e.i===-1?(e.S.U(e),i!==void 0&&(i.n=e.n),e.n!==void 0&&(e.n.p=i)):n=e,e.S.n=e.r,e.r!==void 0&&(e.r=void 0),e=i}t.s=n}function F(t,e){w.call(this,void 0,e),this.x=t,this.s=void 0,this.g=se-1,this.f=4}F.prototype=new w;F.prototype.h=function(){if(this.f&=-3,1&this.f)return!1;if((36&this.f)==32||(this.f&=-5,this.g===se))return!0;if(this.g=se,this.f|=1,this.i>0&&!ut(this))return this.f&=-2,!0;var t=m;try{ft(this),m=this;var e=this.x();(16&this.f||this.v!==e||this.i===0)&&(this.v=e,this.f&=-17,this.i++)}catch(n){this.v=n,this.f|=16,this.i++}return m=t,st(this),this.f&=-2,!0};F.prototype.S=function(t){if(this.t===void 0){this.f|=36;for(var e=this.s;e!==void 0;e=e.n)e.S.S(e)}w.prototype.S.call(this,t)};F.prototype.U=function(t){if(this.t!==void 0&&(w.prototype.U.call(this,t),this.t===void 0)){this.f&=-33;for(var e=this.s;e!==void 0;e=e.n)e.S.U(e)}};F.prototype.N=function(){if(!(2&this.f)){this.f|=6;for(var t=this.t;t!==void 0;t=t.x)t.t.N()}};Object.defineProperty(F.prototype,"value",{get:function(){if(1&this.f)throw new Error("Cycle detected");var t=rt(this);if(this.h(),t!==void 0&&(t.i=this.i),16&this.f)throw this.v;return this.v}});function K(t,e){return new F(t,e)}function ct(t){var e=t.j;if(t.j=void 0,typeof e=="function"){N++;var n=m;m=void 0;try{e()}catch(i){throw t.f&=-2,t.f|=8,Ee(t),i}finally{m=n,ce()}}}function Ee(t){for(var e=t.s;e!==void 0;e=e.n)e.S.U(e);t.x=void 0,t.s=void 0,ct(t)}function Et(t){if(m!==this)throw new Error("Out-of-order effect");st(this),m=t,this.f&=-2;try{8&this.f&&Ee(this)}finally{ce()}}function q(t,e){this.x=t,this.j=void 0,this.s=void 0,this.u=void 0,this.f=32,this.name=e?.name,G&&G.push(this)}q.prototype.c=function(){var t=this.S();try{if(8&this.f||this.x===void 0)return;var e=this.x();typeof e=="function"&&(this.j=e)}finally{t()}};q.prototype.S=function(){if(1&this.f)throw new Error("Cycle detected");this.f|=1,this.f&=-9,ct(this),ft(this),N++;var t=m;return m=this,Et.bind(this,t)};q.prototype.N=function(){2&this.f||(this.f|=2,this.u=J,J=this)};q.prototype.d=function(){this.f|=8,1&this.f||Ee(this)};q.prototype.dispose=function(){this.d()};function M(t,e){var n=new q(t,e);try{n.c()}catch(r){throw n.d(),r}var i=n.d.bind(n);return i[Symbol.dispose]=i,i}var at,pe,le,Mt=typeof window<"u"&&!!window.__PREACT_SIGNALS_DEVTOOLS__;var lt=[];M(function(){at=this.N})();function L(t,e){v[t]=e.bind(null,v[t]||function(){})}function Q(t){if(le){var e=le;le=void 0,e()}le=t&&t.S()}function pt(t){var e=this,n=t.data,i=ht(n);i.name="ReactiveDom",i.value=n;var r=re(function(){for(var f=e,c=e.__v;c=c.__;)if(c.__c){c.__c.__$f|=4;break}var a=K(function(){var u=i.value.value;return u===0?0:u===!0?"":u||""}),s=K(function(){return!Array.isArray(a.value)&&!ye(a.value)}),y=M(function(){if(this.N=vt,s.value){var u=a.value;f.__v&&f.__v.__e&&f.__v.__e.nodeType===3&&(f.__v.__e.data=u)}}),l=e.__$u.d;return e.__$u.d=function(){y(),l.call(this)},[s,a]},[]),_=r[0],o=r[1];return _.value?o.peek():o.value}pt.displayName="ReactiveTextNode";Object.defineProperties(w.prototype,{constructor:{configurable:!0,value:oe(D,null).constructor},type:{configurable:!0,value:pt},props:{configurable:!0,get:function(){var t=this;return{data:{get value(){return t.value}}}}},__b:{configurable:!0,value:1}});L("__b",function(t,e){if(Q(),pe=void 0,typeof e.type=="string"){var n,i=e.props;for(var r in i)if(r!=="children"){var _=i[r];_ instanceof w&&(n||(e.__np=n={}),n[r]=_,i[r]=_.peek())}}t(e)});L("__r",function(t,e){if(t(e),e.type!==D){Q();var n,i=e.__c;i&&(i.__$f&=-2,(n=i.__$u)===void 0&&(i.__$u=n=(function(r,_){var o;return M(function(){o=this},{name:_}),o.c=r,o})((function(r){return function(){var _;Mt&&((_=this.y)==null||_.call(this)),r.__$f|=1,r.setState({})}})(i),typeof e.type=="function"?e.type.displayName||e.type.name:""))),pe=i,Q(n)}});L("__e",function(t,e,n,i){Q(),pe=void 0,t(e,n,i)});L("diffed",function(t,e){Q(),pe=void 0;var n;if(typeof e.type=="string"&&(n=e.__e)){var i=e.__np,r=e.props,_=n.U;if(_)for(var o in _){var f=_[o];f===void 0||i&&o in i||(f.d(),_[o]=void 0)}if(i){_||(_={},n.U=_);for(var c in i){var a=_[c],s=i[c];a===void 0?(a=At(n,c,s,r),_[c]=a):a.o(s,r)}}}t(e)});function At(t,e,n,i){var r=e in t&&t.ownerSVGElement===void 0,_=Z(n);return{o:function(o,f){_.value=o,i=f},d:M(function(){this.N=vt;var o=_.value.value;i[e]!==o&&(i[e]=o,r?t[e]=o:o!=null&&(o!==!1||e[4]==="-")?t.setAttribute(e,o):t.removeAttribute(e))})}}L("unmount",function(t,e){if(typeof e.type=="string"){var n=e.__e;if(n){var i=n.U;if(i){n.U=void 0;for(var r in i){var _=i[r];_&&_.d()}}}var o=e.__np;if(o){var f=e.props;for(var c in o)f[c]=o[c]}e.__np=void 0}else{var a=e.__c;if(a){a.__$f|=8;var s=a.__$u;s&&(a.__$u=void 0,s.d())}}t(e)});L("__h",function(t,e,n,i){i<3&&(e.__$f|=2),t(e,n,i)});R.prototype.shouldComponentUpdate=function(t,e){if(this.__R)return!0;var n=this.__$u,i=n&&n.s!==void 0;for(var r in e)return!0;if(this.__f||typeof this.u=="boolean"&&this.u===!0){var _=2&this.__$f;if(!(i||_||4&this.__$f)||1&this.__$f)return!0}else if(!(i||4&this.__$f)||3&this.__$f)return!0;for(var o in t)if(o!=="__source"&&t[o]!==this.props[o])return!0;for(var f in this.props)if(!(f in t))return!0;return!1};function ht(t,e){return re(function(){return Z(t,e)},[])}var Ot=function(t){queueMicrotask(function(){queueMicrotask(t)})};function jt(){ae(function(){for(var t;t=lt.shift();)at.call(t)})}function vt(){lt.push(this)===1&&(v.requestAnimationFrame||Ot)(jt)}var Kt=He.bind(oe);export{ae as batch,K as computed,M as effect,Kt as html,xt as render,Z as signal,W as untracked,_t as useEffect,Pt as useLayoutEffect,ot as useRef,ht as useSignal};
